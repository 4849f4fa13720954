using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Redis;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>TLS to a real redis-server, with authorities made for the test.</summary>
public sealed class RedisTlsTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-tls-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("ca.crt", null, null)]
    [InlineData("ca.crt", "redis.shop", null)]
    [InlineData("other.crt", null, "certificate")]
    [InlineData("ca.crt", "other.shop", "certificate")]
    [InlineData("missing.crt", null, "missing.crt")]
    public async Task Connect_CertificateOfTheAuthorityAndName_OrNotAtAll(string ca, string? serverName, string? problem)
    {
        WriteCertificates();
        var port = Ports.Free();
        await using var redis = await RedisServer.StartAsync([
            "--tls-port",
            $"{port}",
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            Path("server.crt"),
            "--tls-key-file",
            Path("server.key"),
            "--tls-ca-cert-file",
            Path("ca.crt"),
        ]);
        var settings = RedisRegistryTests.Settings(port) with { Tls = new RedisTls(Path(ca), serverName) };
        await using var registry = new RedisRegistry("default/f", settings, new RegistryCounters(), TimeProvider.System);

        if (problem is null)
        {
            await Until.TrueAsync(async () => (await registry.ListAsync()).Count == 0, Limit, "it answers");
            // What a Sentinel is asked by.
            (await RespProbe.AskAsync(settings.Addresses[0], settings.Tls, null, ["ROLE"], CancellationToken.None))[0]
                .ShouldBe("master");
            return;
        }

        await Until.TrueAsync(() => registry.Problem is not (null or "not connected yet"), Limit, "it is refused");
        await Should.ThrowAsync<RegistryUnavailableException>(() => registry.ListAsync());
        var probe = await Should.ThrowAsync<IOException>(() =>
            RespProbe.AskAsync(settings.Addresses[0], settings.Tls, null, ["ROLE"], CancellationToken.None)
        );
        probe.Message.ShouldContain(problem);
    }

    private string Path(string name) => System.IO.Path.Combine(_directory.FullName, name);

    private void WriteCertificates()
    {
        var now = DateTimeOffset.UtcNow;
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ca = Authority(caKey, now);
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = Authority(otherKey, now);
        File.WriteAllText(Path("ca.crt"), ca.ExportCertificatePem());
        File.WriteAllText(Path("other.crt"), other.ExportCertificatePem());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=redis", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("redis.shop");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var server = request.Create(ca, now.AddHours(-1), now.AddHours(1), [1, 2, 3]);
        File.WriteAllText(Path("server.crt"), server.ExportCertificatePem());
        File.WriteAllText(Path("server.key"), key.ExportPkcs8PrivateKeyPem());
    }

    private static X509Certificate2 Authority(ECDsa key, DateTimeOffset now)
    {
        var request = new CertificateRequest("CN=authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(now.AddHours(-2), now.AddHours(2));
    }
}
