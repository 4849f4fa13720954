using System.Net;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Transport;

public sealed class NetworkAddressTests
{
    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.255.255.254", true)]
    [InlineData("::1", true)]
    [InlineData("::ffff:127.0.0.1", true)]
    [InlineData("128.0.0.1", false)]
    [InlineData("10.0.0.127", false)]
    [InlineData("::", false)]
    [InlineData("::2", false)]
    [InlineData("100::", false)]
    [InlineData("1::1", false)]
    [InlineData("2001:db8::7f00:1", false)]
    public void IsLoopback_IsThatOfTheAddress(string text, bool loopback)
    {
        var address = IPAddress.Parse(text);
        NetworkAddress.From(address).IsLoopback.ShouldBe(loopback);
        if (!address.IsIPv4MappedToIPv6)
        {
            KernelAddress.From(address, 80).IsLoopback.ShouldBe(loopback);
        }
    }
}
