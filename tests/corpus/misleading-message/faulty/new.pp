# Version 3.
file { '/etc/shop/shop.conf':
  content => "version = 3\n",
}
