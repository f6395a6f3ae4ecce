# The new release: ntp keeps the time. chrony may stay installed; it is stopped and disabled first.
service { 'chrony': ensure => stopped, enable => false }
-> file { '/etc/ntpsec/ntp.conf':
  ensure  => file,
  content => "driftfile /var/lib/ntpsec/ntp.drift\ndisable ntp\nserver 192.0.2.123 iburst\n",
  owner   => 'root',
  group   => 'root',
  mode    => '0644',
}
~> service { 'ntpsec': ensure => running, enable => true }
