# Version 2, by one name and by another.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
exec { 'long version':
  command => '/bin/sed -i "s/= 2$/= 2.0/" /etc/shop/shop.conf',
  onlyif  => '/bin/grep -qx "version = 2" /etc/shop/shop.conf',
  require => File['/etc/shop/shop.conf'],
}
