# Version 2 of the worker. Whether it runs is systemd's business.
file { '/etc/app/worker.conf':
  content => "version=2\nneeds=/srv/worker.ready\npatience=1\n",
}
service { 'worker':
  enable => true,
}
