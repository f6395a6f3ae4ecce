# The old release: cron, and nothing for it to do.
package { 'cron': ensure => present }
~> service { 'cron': ensure => running, enable => true }
