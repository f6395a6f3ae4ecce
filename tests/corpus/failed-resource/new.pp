# Version 2 with a plugin.
file { '/etc/shop/shop.conf':
  content => "version = 2\n",
}
file { '/etc/shop/plugins.d/tea.conf':
  content => "enabled = yes\n",
}
