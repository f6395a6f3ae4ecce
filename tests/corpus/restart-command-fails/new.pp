# Version 2 with plugins, in a directory that it does not manage.
file { '/etc/app/app.conf':
  content => "version=2\nplugins=/etc/app/plugins.d\n",
}
service { 'app':
  ensure    => running,
  enable    => true,
  subscribe => File['/etc/app/app.conf'],
}
