# Version 1: both sites.
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
    ensure => directory,
    mode   => '0755';
  '/etc/shop/sites/a.conf':
    content => "port = 1\n";
  '/etc/shop/sites/b.conf':
    content => "port = 1\n";
}
