using Mooring.Kubernetes.Client;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class EnvironmentProxyTests
{
    [Theory]
    [InlineData("https://10.1.2.3/", "10.0.0.0/8", false)]
    [InlineData("https://11.1.2.3/", "10.0.0.0/8", true)]
    [InlineData("https://api.example.com/", "example.com", false)]
    [InlineData("https://example.com/", "example.com", false)]
    [InlineData("https://notexample.com/", "example.com", true)]
    [InlineData("https://example.com/", ".example.com", true)]
    [InlineData("https://api.example.com/", ".example.com", false)]
    [InlineData("https://api.example.com/", "*.example.com", false)]
    [InlineData("https://api.example.com:6443/", "api.example.com:443", true)]
    [InlineData("https://api.example.com:6443/", "api.example.com:6443", false)]
    [InlineData("https://1.2.3.4/", "1.2.3.4", false)]
    [InlineData("https://[fd00::5]/", "fd00::/8", false)]
    [InlineData("https://[fd00::5]:6443/", "[fd00::5]:6443", false)]
    [InlineData("https://api.example.com/", "*", false)]
    [InlineData("https://api.example.com/", " a.b , api.example.com ", false)]
    [InlineData("https://localhost:6443/", "", false)]
    [InlineData("https://127.0.0.1:6443/", "", false)]
    [InlineData("https://[::1]:6443/", "", false)]
    [InlineData("https://api.example.com/", "", true)]
    [InlineData("http://api.example.com/", "", false)]
    public void GetProxy_ByNoProxy(string address, string exempt, bool proxied)
    {
        var proxy = new EnvironmentProxy(null, "http://proxy:3128", exempt);
        (proxy.GetProxy(new Uri(address)) is not null).ShouldBe(proxied);
        proxy.IsBypassed(new Uri(address)).ShouldBe(!proxied);
    }

    [Fact]
    public void GetProxy_WithoutScheme_IsHttp() =>
        new EnvironmentProxy("proxy:3128", null, null).GetProxy(new Uri("http://example.com"))!.ToString().ShouldBe("http://proxy:3128/");
}
