# Version 2, by node.
node 'shpo.example.test' {
  file { '/etc/shop/shop.conf':
    content => "version = 2\n",
  }
}
node default {
}
