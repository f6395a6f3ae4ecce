# The new release, in the shape of ocata: cells v2, a placement API with a database of its own, and nova-api and
# placement as WSGI applications in Apache instead of services of their own.
Exec { logoutput => 'on_failure' }

class { 'mysql::server':
  root_password           => 'UNSET', # Debian's root logs in over the socket
  remove_default_accounts => true,
  restart                 => true,
  override_options        => {
    'mysqld' => { 'bind-address' => '127.0.0.1', 'max_connections' => '200' },
  },
}
# 'utf8', the module's default, is an alias of utf8mb3 since MariaDB 10.6: with it no run is ever the last one.
class { 'nova::db::mysql':
  password    => 'novapw',
  host        => '127.0.0.1',
  setup_cell0 => true,
  charset     => 'utf8mb3',
  collate     => 'utf8mb3_general_ci',
}
class { 'nova::db::mysql_api':
  password => 'novapw',
  host     => '127.0.0.1',
  charset  => 'utf8mb3',
  collate  => 'utf8mb3_general_ci',
}

class { 'rabbitmq':
  admin_enable      => false,
  delete_guest_user => true,
  repos_ensure      => false,
}
rabbitmq_user { 'nova': admin => true, password => 'rabbitpw', require => Class['rabbitmq'] }
rabbitmq_user_permissions { 'nova@/':
  configure_permission => '.*', write_permission => '.*', read_permission => '.*',
  before               => Anchor['nova::service::begin'],
}

class { 'nova::keystone::authtoken': password => 'svcpw' }
class { 'nova::logging': debug => false }
class { 'nova':
  default_transport_url => 'rabbit://nova:rabbitpw@127.0.0.1:5672/',
  purge_config          => true,
}
class { 'nova::db':
  database_connection     => 'mysql+pymysql://nova:novapw@127.0.0.1/nova?charset=utf8',
  api_database_connection => 'mysql+pymysql://nova_api:novapw@127.0.0.1/nova_api?charset=utf8',
}
class { 'nova::placement':
  auth_url => 'http://127.0.0.1:5000/v3',
  password => 'placementpw',
}
class { 'nova::api':
  service_name               => 'httpd',
  osapi_compute_workers      => 1,
  nova_metadata_wsgi_enabled => true,
}
class { 'nova::conductor': workers => 1 }
class { 'nova::scheduler': workers => 1, enabled => false } # exits when Keystone does not answer; there is none here
include nova::cell_v2::simple_setup

# The module's default modules ask for packages that Debian 12 lacks.
class { 'apache': default_vhost => false, mpm_module => 'event', default_mods => false }
class { 'apache::mod::wsgi': package_name => 'libapache2-mod-wsgi-py3', mod_path => 'mod_wsgi.so' }
apache::vhost { 'legacy': servername => 'ctl.example.test', port => 5001, docroot => '/var/www/html', priority => 10, manage_docroot => false }
class { 'nova::wsgi::apache_api': workers => 1, servername => 'ctl.example.test' }
include nova::metadata
class { 'nova::wsgi::apache_metadata': workers => 1, servername => 'ctl.example.test' }

class { 'placement::db::mysql':
  password => 'placementdb',
  host     => '127.0.0.1',
  charset  => 'utf8mb3',
  collate  => 'utf8mb3_general_ci',
}
class { 'placement': sync_db => true }
class { 'placement::db': database_connection => 'mysql+pymysql://placement:placementdb@127.0.0.1/placement?charset=utf8' }
class { 'placement::keystone::authtoken': password => 'placementpw' }
class { 'placement::logging': debug => false }
class { 'placement::api': api_service_name => 'httpd' }
class { 'placement::wsgi::apache': workers => 1, servername => 'ctl.example.test' }
