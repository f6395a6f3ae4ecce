# Version 2; an exec restarts the app when it runs with an older one.
file { '/etc/app/app.conf':
  content => "version=2\n",
}
exec { 'app runs with version 2':
  command => 'systemctl restart app.service',
  unless  => 'grep -qx version=2 /run/app/loaded',
  path    => '/usr/bin',
  require => File['/etc/app/app.conf'],
}
