# Version 2.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
