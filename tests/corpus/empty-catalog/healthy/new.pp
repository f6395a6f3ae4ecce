# Version 2, by node.
node 'shop.example.test' {
  file { '/etc/shop/shop.conf':
    content => "version = 2\n",
  }
}
node default {
}
