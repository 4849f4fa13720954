using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Metrics.External;

namespace Mooring.Operator.Tests.Metrics;

/// <summary>Who is taken for the cluster's API server: by its authority, its use and its name.</summary>
public sealed class FrontProxyTests : IDisposable
{
    private const string ForClients = "1.3.6.1.5.5.7.3.2";
    private const string ForServers = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2 _authority = Authority();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData("[\"front-proxy-client\"]", "front-proxy-client", ForClients, true)]
    [InlineData("[\"other\",\"front-proxy-client\"]", "front-proxy-client", ForClients, true)]
    [InlineData("[\"front-proxy-client\"]", "somebody", ForClients, false)]
    [InlineData("[\"front-proxy-client\"]", "Front-Proxy-Client", ForClients, false)]
    [InlineData("[\"front-proxy-client\"]", "front-proxy-client", ForServers, false)]
    [InlineData("[]", "anybody", ForClients, true)]
    [InlineData("", "anybody", ForClients, true)]
    [InlineData(null, "anybody", ForClients, true)]
    public void Accepts_OfTheRightAuthority_ByNameAndUse(string? names, string name, string use, bool accepted)
    {
        var proxy = FrontProxy.Read(Map(_authority, names), out var problem).ShouldNotBeNull();
        problem.ShouldBeNull();
        using var certificate = Client(_authority, name, use);
        proxy.Accepts(certificate).ShouldBe(accepted);
    }

    [Fact]
    public void Accepts_OfAnotherAuthority_IsNobody()
    {
        using var other = Authority();
        using var certificate = Client(other, "front-proxy-client", ForClients);
        FrontProxy.Read(Map(_authority, "[\"front-proxy-client\"]"), out _)!.Accepts(certificate).ShouldBeFalse();
    }

    [Theory]
    [InlineData("front-proxy-client", ForClients, true)]
    [InlineData("somebody", ForClients, false)]
    [InlineData("front-proxy-client", ForServers, false)]
    public void Accepts_AuthorityIsAnIntermediate_ByNameAndUse(string name, string use, bool accepted)
    {
        using var intermediate = Authority("intermediate", _authority);
        using var certificate = Client(intermediate, name, use);
        FrontProxy.Read(Map(intermediate, "[\"front-proxy-client\"]"), out _)!.Accepts(certificate).ShouldBe(accepted);
    }

    [Theory]
    [InlineData("intermediate")]
    [InlineData("other")]
    public void Accepts_OfAnotherIntermediateOfTheSameRoot_IsNobody(string name)
    {
        using var intermediate = Authority("intermediate", _authority);
        using var other = Authority(name, _authority);
        using var certificate = Client(other, "front-proxy-client", ForClients);
        FrontProxy.Read(Map(intermediate, null), out _)!.Accepts(certificate).ShouldBeFalse();
    }

    [Fact]
    public async Task Accepts_StrangerNamesAnAddress_IsNotFetched()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var other = Authority("somebody's");
        using var certificate = Client(other, "front-proxy-client", ForClients, $"http://{listener.LocalEndpoint}/issuer.cer");
        var proxy = FrontProxy.Read(Map(_authority, null), out _)!;

        var accepted = Task.Run(() => proxy.Accepts(certificate));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var asked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        var fetched = listener.AcceptSocketAsync(asked.Token).AsTask();

        (await Task.WhenAny(accepted, fetched)).ShouldBe(accepted, "it asks an address that a stranger's certificate names");
        (await accepted).ShouldBeFalse();
        await asked.CancelAsync();
        await ((Task)fetched).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [Theory]
    [InlineData(null, "no request-header CA")]
    [InlineData("no certificate", "no request-header CA")]
    public void Read_NoAuthority_TrustsNobody(string? pem, string expected)
    {
        var map = new ConfigMap { Data = pem is null ? null : new Dictionary<string, string> { ["requestheader-client-ca-file"] = pem } };
        FrontProxy.Read(map, out var problem).ShouldBeNull();
        problem.ShouldNotBeNull().ShouldContain(expected);
    }

    [Fact]
    public void Read_NamesThatAreNoList_TrustsNobody()
    {
        FrontProxy.Read(Map(_authority, "front-proxy-client"), out var problem).ShouldBeNull();
        problem.ShouldNotBeNull();
    }

    private static ConfigMap Map(X509Certificate2 authority, string? names)
    {
        var data = new Dictionary<string, string> { ["requestheader-client-ca-file"] = authority.ExportCertificatePem() };
        if (names is not null)
        {
            data["requestheader-allowed-names"] = names;
        }

        return new ConfigMap { Data = data };
    }

    private static X509Certificate2 Authority(string name = "front-proxy-ca", X509Certificate2? issuer = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        if (issuer is null)
        {
            return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(2));
        }

        using var issued = request.Create(issuer, DateTimeOffset.UtcNow.AddMinutes(-50), DateTimeOffset.UtcNow.AddDays(1.5), [5, 6, 7, 8]);
        return issued.CopyWithPrivateKey(key);
    }

    private static X509Certificate2 Client(X509Certificate2 authority, string name, string use, string? issuerAt = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], false));
        if (issuerAt is not null)
        {
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(ocspUris: [], caIssuersUris: [issuerAt]));
        }

        return request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddDays(1), [1, 2, 3, 4]);
    }
}
