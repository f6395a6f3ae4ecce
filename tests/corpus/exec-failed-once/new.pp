# Version 2; its data are migrated when the configuration changes.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
exec { 'migrate':
  command     => '/bin/sh -c "test ! -e /srv/shop/lock && echo 2 >/srv/shop/schema"',
  refreshonly => true,
  subscribe   => File['/etc/shop/shop.conf'],
}
