# Version 2, to be written in the maintenance window only.
schedule { 'maintenance':
  period  => never,
}
file { '/etc/shop/shop.conf':
  content  => "version = 2\n",
  schedule => 'maintenance',
}
file { '/etc/shop/banner':
  content => "Open from 9 to 5\n",
}
