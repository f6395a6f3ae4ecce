# Version 1 of a shop: files only.
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
    content => "version = 1\n";
  '/etc/shop/legacy.conf':
    content => "mode = compatible\n";
  '/srv/shop':
    ensure => directory,
    mode   => '0755';
}
# The first run notes the content; a later one can tell whether it changed.
file { '/etc/issue':
  audit => 'content',
}
