# Version 2 of the shop: plugins live in a directory, the data have a new schema.
$migrate = @(END)
  #!/bin/sh -e
  # Brings the data to schema 2; refuses while a backup holds the lock.
  if [ -e /srv/shop/lock ]; then
    echo "shop-migrate: the data are locked" >&2
    exit 3
  fi
  if grep -qx 2 /srv/shop/schema; then
    exit 0
  fi
  echo 2 >/srv/shop/schema
  echo migrated
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
    content => "version = 2\nlisten = 9000\nplugins = /etc/shop/plugins.d\n";
  '/etc/shop/plugins.conf':
    ensure => absent;
  '/etc/shop/plugins.d':
    ensure  => directory,
    recurse => true,
    purge   => true,
    mode    => '0750';
  '/usr/local/sbin/shop-migrate':
    mode    => '0750',
    content => $migrate;
  '/srv/shop':
    ensure => directory,
    mode   => '0750';
}
exec { 'migrate':
  command => '/usr/local/sbin/shop-migrate',
  unless  => '/bin/grep -qx 2 /srv/shop/schema',
  require => File['/usr/local/sbin/shop-migrate', '/srv/shop'],
}
