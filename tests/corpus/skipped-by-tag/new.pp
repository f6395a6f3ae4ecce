# Version 2.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
file { '/etc/shop/banner':
  content => "Open from 9 to 5\n",
}
