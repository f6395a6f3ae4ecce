# Version 2, in steps.
file {
  default:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644';
  '/etc/shop':
    ensure => directory,
    mode   => '0755';
  '/etc/shop/sites':
    ensure  => directory,
    mode    => '0755',
    recurse => true,
    purge   => true;
  '/etc/shop/sites/a.conf':
    content => "port = 2\n";
}
if Integer($facts['step']) >= 1 {
  file { '/etc/shop/sites/b.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => "port = 2\n",
  }
}
