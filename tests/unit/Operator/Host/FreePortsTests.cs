using Mooring.Operator.Host.Sockets;

namespace Mooring.Operator.Tests.Host;

public sealed class FreePortsTests
{
    /// <summary>As on a machine whose ip_local_port_range is 1024 to 65535. A gateway's slot has no port, which is 0.</summary>
    [Theory]
    [InlineData(1024)]
    [InlineData(32_768)]
    public void Find_BesideChildrenWithoutAPort_FindsOne(int firstOutgoing) =>
        FreePorts.Find(new HashSet<int> { 0 }, firstOutgoing).ShouldBeGreaterThan(0);
}
