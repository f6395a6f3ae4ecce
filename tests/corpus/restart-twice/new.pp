# Version 2.
file { '/etc/app/app.conf':
  content => "version=2\n",
}
service { 'app':
  ensure    => running,
  enable    => true,
  subscribe => File['/etc/app/app.conf'],
}
file { '/etc/app/banner':
  content => "Open from 9 to 5\n",
}
