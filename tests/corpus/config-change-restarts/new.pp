# Version 2.
file { '/etc/app/app.conf':
  content => "version=2\n",
}
service { 'app':
  ensure    => running,
  enable    => true,
  subscribe => File['/etc/app/app.conf'],
}
