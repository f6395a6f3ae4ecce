# The new release: another port, a MariaDB database with its own user, a state directory, one setting gone.
class app (
  String               $servername,
  Integer              $port,
  Stdlib::Absolutepath $docroot,
  Stdlib::Absolutepath $state_dir,
  String               $database,
  String               $database_user,
  Sensitive[String]    $database_password,
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

  mysql::db { $database:
    user     => $database_user,
    password => $database_password.unwrap,
    host     => 'localhost',
    charset  => 'utf8mb4',
    collate  => 'utf8mb4_general_ci',
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
  file { $state_dir:
    ensure => directory,
    owner  => 'www-data',
    group  => 'www-data',
    mode   => '0750',
  }
  file { '/etc/app/current':
    ensure => link,
    target => $state_dir,
  }

  Ini_setting {
    path    => '/etc/app/app.conf',
    require => File['/etc/app/app.conf'],
    notify  => Class['apache::service'],
  }
  ini_setting { 'password':
    section   => 'database',
    setting   => 'password',
    value     => $database_password.unwrap,
    show_diff => false,
  }
  $settings.each |$name, $setting| {
    ini_setting { $name: * => $setting }
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
