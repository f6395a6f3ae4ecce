# Version 2; its guard keeps a diary.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
exec { 'reload':
  command => '/bin/true',
  unless  => "/bin/sh -c 'echo looked >>/etc/shop/guard.log'",
}
