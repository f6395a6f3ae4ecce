# Version 2: one file less.
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
