using Mooring.Contracts.Text;

namespace Mooring.Gateway.Tests.Transport;

public sealed class NetworksTests
{
    [Theory]
    [InlineData("10.0.0.0/8", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("0.0.0.0/0", true)]
    [InlineData("fd00::/8", true)]
    [InlineData("::", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("10.0.0.1/8", false)]
    [InlineData("10.0.0.0/33", false)]
    [InlineData("10.0.0.0/08", false)]
    [InlineData("10.0.0.0/", false)]
    [InlineData("65", false)]
    [InlineData("127.1", false)]
    [InlineData("010.0.0.0/8", false)]
    [InlineData("0x7f.0.0.1", false)]
    [InlineData("1.2.3.256", false)]
    [InlineData("[::1]", false)]
    [InlineData("fe80::1%1", false)]
    [InlineData("fd00::1/8", false)]
    [InlineData("fd00::/129", false)]
    [InlineData("", false)]
    public void IsNetwork_TakesWhatIsWrittenInFull(string text, bool taken) => Networks.IsNetwork(text).ShouldBe(taken);
}
