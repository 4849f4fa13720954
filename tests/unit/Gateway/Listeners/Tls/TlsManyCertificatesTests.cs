using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Transport.Tls;

namespace Mooring.Gateway.Tests.Listeners.Tls;

public sealed class TlsManyCertificatesTests
{
    private const int Most = 100;

    [Fact]
    public async Task Hundred_AreFoundByName_ExactNamesBeforeWildcards()
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        var certificates = Enumerable
            .Range(0, Most)
            .Select(i => gateway.Authority.Issue($"c{i}", i == 1 ? "*.example.com" : $"n{i}.example.com"))
            .ToList();
        await gateway.ServeAsync(server.Port, new TlsListenerConfig { Certificates = certificates });
        foreach (var (name, subject) in new[] { ("n0", "c0"), ("n2", "c2"), ("N57", "c57"), ("n99", "c99"), ("n1", "c1"), ("other", "c1") })
        {
            (await SubjectAsync(gateway, $"{name}.example.com")).ShouldBe($"CN={subject}", name);
        }

        (await SubjectAsync(gateway, "example.org")).ShouldBe("CN=c0");

        // One is renewed.
        gateway.Authority.Issue("c57", "n57.example.com", "renewed.example.com");
        var reload = await gateway.Gateway.Engine.ReloadCertificatesAsync();
        (reload.Changed, reload.Problems.Count).ShouldBe((true, 0));
        (await SubjectAsync(gateway, "renewed.example.com")).ShouldBe("CN=c57");
        (await gateway.Gateway.Engine.ReloadCertificatesAsync()).Changed.ShouldBeFalse();

        var more = gateway.Config.Listeners[0] with { Tls = new TlsListenerConfig { Certificates = [.. certificates, certificates[0]] } };
        (await gateway.Gateway.Engine.ApplyConfigAsync(gateway.Config with { Listeners = [more] }))
            .Errors.ShouldHaveSingleItem()
            .ShouldBe("listeners[0].tls.certificates: has 101 items; must have 1 to 100");
    }

    private static async Task<string> SubjectAsync(TlsHarness gateway, string name)
    {
        string? subject = null;
        await using var client = await TlsStreams.ConnectAsync(
            gateway.Port,
            gateway.Authority,
            name,
            options =>
            {
                options.AllowTlsResume = false;
                options.RemoteCertificateValidationCallback = (_, certificate, _, _) => (subject = certificate!.Subject) is not null;
            }
        );
        return subject!;
    }
}
