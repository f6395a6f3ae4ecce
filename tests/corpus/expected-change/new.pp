# Version 2.
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
  '/etc/shop/legacy.conf':
    mode    => '0600',
    content => "mode = compatible\n";
}
