# The new release: ntp keeps the time. Nobody has taken chrony out. chrony.service says Conflicts=ntpsec.service: systemd
# stops the one to start the other, and each Puppet run starts both.
service { 'chrony': ensure => running, enable => true }
-> file { '/etc/ntpsec/ntp.conf':
  ensure  => file,
  content => "driftfile /var/lib/ntpsec/ntp.drift\ndisable ntp\nserver 192.0.2.123 iburst\n",
  owner   => 'root',
  group   => 'root',
  mode    => '0644',
}
~> service { 'ntpsec': ensure => running, enable => true }
