# Version 2: a database, and what brings it to its schema.
$sync = @(END)
  #!/usr/bin/python3
  import sqlite3
  with sqlite3.connect("/srv/shop/shop.db") as database:
      database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")
  | END

file { '/usr/local/sbin/shop-db-sync':
  mode    => '0755',
  content => $sync,
}
file { '/etc/shop/database.conf':
  content => "file = /srv/shop/shop.db\n",
  require => File['/usr/local/sbin/shop-db-sync'],
}
exec { 'db-sync':
  command     => '/usr/local/sbin/shop-db-sync',
  refreshonly => true,
  subscribe   => File['/etc/shop/database.conf'],
}
