# Version 2: a catalogue, and an index built from it.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
file { '/etc/shop/catalogue':
  content => "tea\ncoffee\n",
}
exec { 'index':
  command     => 'sort /etc/shop/catalogue -o /srv/shop/index',
  path        => '/usr/bin',
  refreshonly => true,
  subscribe   => File['/etc/shop/catalogue'],
}
