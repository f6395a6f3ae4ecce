# The old release: the app on its first port, no database yet (SQLite), one setting that the new release drops.
class app (
  String               $servername,
  Integer              $port,
  Stdlib::Absolutepath $docroot,
  Hash                 $settings,
) {
  class { 'apache':
    default_vhost => false,
    default_mods  => false,
    mpm_module    => 'event',
  }
  apache::vhost { 'app':
    servername     => $servername,
    port           => $port,
    docroot        => $docroot,
    manage_docroot => false,
    priority       => 10,
  }

  file { '/etc/app':
    ensure => directory,
    owner  => 'root',
    group  => 'www-data',
    mode   => '0750',
  }
  file { '/etc/app/app.conf':
    ensure => file,
    owner  => 'root',
    group  => 'www-data',
    mode   => '0640',
  }
  $settings.each |$name, $setting| {
    ini_setting { $name:
      ensure  => present,
      path    => '/etc/app/app.conf',
      require => File['/etc/app/app.conf'],
      notify  => Class['apache::service'],
      *       => $setting,
    }
  }
}

class { 'mysql::server':
  root_password    => 'UNSET',
  override_options => {
    'mysqld' => { 'bind-address' => '127.0.0.1' },
    # The module switches TLS off in the server. Since MariaDB 11.4 clients ask for it unless they are told otherwise.
    'client' => { 'loose-ssl-verify-server-cert' => '0' },
  },
}
include app
