# Version 1 of the shop: configuration, a migration script and the data it has migrated.
$migrate = @(END)
  #!/bin/sh -e
  # Brings the data to schema 1.
  echo 1 >/srv/shop/schema
  | END

group { 'shop':
  ensure => present,
  gid    => 900,
}
user { 'shop':
  ensure => present,
  uid    => 900,
  gid    => 'shop',
  home   => '/srv/shop',
  shell  => '/usr/sbin/nologin',
}
file {
  default:
    ensure => file,
    owner  => 'root',
    group  => 'shop',
    mode   => '0640';
  '/etc/shop':
    ensure => directory,
    mode   => '0750';
  '/etc/shop/shop.conf':
    content => "version = 1\nlisten = 9000\n";
  '/etc/shop/plugins.conf':
    content => "plugins = legacy\n";
  '/usr/local/sbin/shop-migrate':
    mode    => '0750',
    content => $migrate;
  '/srv/shop':
    ensure => directory,
    mode   => '0750';
}
exec { 'migrate':
  command => '/usr/local/sbin/shop-migrate',
  unless  => '/bin/grep -qx 1 /srv/shop/schema',
  require => File['/usr/local/sbin/shop-migrate', '/srv/shop'],
}
