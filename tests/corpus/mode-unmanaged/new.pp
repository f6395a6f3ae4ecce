# Version 2 with a key. Its mode is what its package gave it.
file {
  default:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644';
  '/etc/shop':
    ensure => directory,
    mode   => '0755';
  '/etc/shop/shop.conf':
    content => "version = 2\n";
  '/srv/shop':
    ensure => directory,
    mode   => '0755';
}
exec { 'package of the key':
  command => '/usr/bin/install -m 0600 /dev/null /etc/shop/key',
  creates => '/etc/shop/key',
  require => File['/etc/shop'],
}
file { '/etc/shop/key':
  content => "correct horse battery staple\n",
  require => Exec['package of the key'],
}
