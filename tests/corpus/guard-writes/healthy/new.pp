# Version 2; its guard only reads.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
exec { 'reload':
  command => '/bin/true',
  unless  => "/bin/grep -qx 'version = 2' /etc/shop/shop.conf",
}
