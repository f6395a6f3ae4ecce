# Version 2, its configuration watched and not enforced.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
  noop    => true,
}
file { '/etc/shop/banner':
  content => "Open from 9 to 5\n",
}
