# Version 2. Whether the app runs is the operators' business.
file { '/etc/app/app.conf':
  content => "version=2\nneeds=/srv/app.ready\npatience=2\n",
}
service { 'app':
  enable => true,
}
