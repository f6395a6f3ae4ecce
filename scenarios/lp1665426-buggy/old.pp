# The old release: chrony keeps the time.
service { 'chrony': ensure => running, enable => true }
