# For Debian what TripleO's norpm is for CentOS: it says what is installed, and never installs or removes anything.
Puppet::Type.type(:package).provide :nodpkg, parent: :dpkg, source: :dpkg do
  desc 'A provider like dpkg that never installs or removes anything.'

  def self.instances
    []
  end

  def install
    Puppet.debug("nodpkg does not install #{@resource[:name]}")
    true
  end

  def uninstall
    Puppet.debug("nodpkg does not remove #{@resource[:name]}")
    true
  end

  def purge
    Puppet.debug("nodpkg does not purge #{@resource[:name]}")
    true
  end
end
