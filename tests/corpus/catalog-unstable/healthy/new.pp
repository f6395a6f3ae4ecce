# Version 2; the index is built on request.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
exec { 'index':
  command     => '/usr/bin/sort /etc/shop/shop.conf -o /srv/shop/index',
  environment => ["SINCE=yesterday"],
  refreshonly => true,
}
