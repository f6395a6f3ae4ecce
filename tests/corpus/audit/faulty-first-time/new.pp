# Version 2 and what the console greets with.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
file { '/etc/issue.net':
  audit => 'content',
}
