using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Testing;

namespace Mooring.Kubernetes.Tests.Client;

/// <summary>Against a server that asks for a client certificate and tells whose it got, over which protocol.</summary>
public sealed class TlsTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Authority _authority = new("CN=authority");
    private readonly Authority _intermediate;
    private WebApplication _app = null!;
    private Uri _address = null!;

    public TlsTests() => _intermediate = new Authority("CN=intermediate", _authority);

    public async Task InitializeAsync()
    {
        var below = _intermediate.Issue("below.test");
        var certificate = _authority.Issue("api.test", IPAddress.Loopback);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                IPAddress.Loopback,
                0,
                listen =>
                    listen.UseHttps(https =>
                    {
                        https.ServerCertificateSelector = (_, name) => name == "below.test" ? below : certificate;
                        https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                        https.AllowAnyClientCertificate();
                    })
            )
        );
        _app = builder.Build();
        _app.Run(context =>
            context.Response.WriteAsync(
                $"{context.Connection.ClientCertificate?.Subject} {context.Request.Protocol} {context.Request.Host.Host}"
            )
        );
        await _app.StartAsync();
        _address = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    public void Dispose()
    {
        _folder.Dispose();
        _intermediate.Dispose();
        _authority.Dispose();
    }

    [Fact]
    public async Task ServerOfTheAuthority_IsTrusted_OverHttp2() => (await AskAsync(Config())).ShouldBe(" HTTP/2 127.0.0.1");

    [Fact]
    public async Task ServerOfAnother_IsRefused_WithTheReason()
    {
        using var other = new Authority("CN=another");
        var error = await Should.ThrowAsync<HttpRequestException>(AskAsync(Config() with { CertificateAuthorities = [other.Certificate] }));
        error.Message.ShouldContain("get /version: ");
        error.Message.ShouldContain("certificate");
    }

    [Fact]
    public async Task IntermediateAlone_IsTrusted_AsKubectlDoes() => (await AskAsync(Below(_intermediate))).ShouldBe(" HTTP/2 below.test");

    [Fact]
    public async Task AnotherIntermediateOfTheSameRoot_IsNot()
    {
        using var other = new Authority("CN=intermediate", _authority);
        var error = await Should.ThrowAsync<HttpRequestException>(AskAsync(Below(other)));
        error.Message.ShouldContain("certificate");
    }

    [Fact]
    public async Task IntermediateAlone_ForAnotherName_IsRefused()
    {
        var config = Config() with
        {
            CertificateAuthorities = [_authority.Certificate, _intermediate.Certificate],
            TlsServerName = "wrong.test",
        };
        (await Should.ThrowAsync<HttpRequestException>(AskAsync(config))).Message.ShouldContain("NameMismatch");
    }

    [Fact]
    public async Task ServerOfAnother_IsTakenIfTheUserSaysSo() =>
        (await AskAsync(Config() with { CertificateAuthorities = null, InsecureSkipTlsVerify = true })).ShouldContain("HTTP/2");

    [Theory]
    [InlineData("api.test", true)]
    [InlineData("wrong.test", false)]
    public async Task ServerName_IsWhatIsVerified(string name, bool good)
    {
        var asked = AskAsync(Config() with { TlsServerName = name });
        if (good)
        {
            (await asked).ShouldBe(" HTTP/2 api.test");
        }
        else
        {
            (await Should.ThrowAsync<HttpRequestException>(asked)).Message.ShouldContain("NameMismatch");
        }
    }

    [Fact]
    public async Task ClientCertificateInFiles_IsShown_AndANewOneAfterRotation()
    {
        var time = new ManualTime();
        Write("first", DateTime.UnixEpoch.AddDays(1));
        var credential = new FileCredential(
            null,
            PemSource.Of(null, _folder.Path + "/tls.crt"),
            PemSource.Of(null, _folder.Path + "/tls.key"),
            time
        );
        using var client = new KubernetesClient(Config() with { Credentials = credential });
        (await AskAsync(client)).ShouldStartWith("CN=first ");
        Write("second", DateTime.UnixEpoch.AddDays(2));
        (await AskAsync(client)).ShouldStartWith("CN=first ");
        time.Advance(TimeSpan.FromMinutes(1));
        (await AskAsync(client)).ShouldStartWith("CN=second ");

        void Write(string name, DateTime changed)
        {
            using var certificate = _authority.Issue(name);
            File.SetLastWriteTimeUtc(_folder.Write("tls.crt", certificate.ExportCertificatePem()), changed);
            File.SetLastWriteTimeUtc(_folder.Write("tls.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()), changed);
        }
    }

    [Fact]
    public async Task RotationAmidRequests_CostsNoneOfThem()
    {
        using var one = _authority.Issue("one");
        using var two = _authority.Issue("two");
        using var client = new KubernetesClient(
            Config() with
            {
                Credentials = new Alternating([one], [two]),
            },
            new KubernetesClientOptions { QueriesPerSecond = 0 }
        );
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => AskAsync(client))));
        answers.ShouldAllBe(static answer => answer.StartsWith("CN=one ") || answer.StartsWith("CN=two "));
    }

    private static async Task<string> AskAsync(KubernetesClient client) =>
        System.Text.Encoding.UTF8.GetString(await client.GetRawAsync("/version"));

    private static async Task<string> AskAsync(ClusterConfig config)
    {
        using var client = new KubernetesClient(config);
        return await AskAsync(client);
    }

    private ClusterConfig Config() => new() { Server = _address, CertificateAuthorities = [_authority.Certificate] };

    private ClusterConfig Below(Authority given) =>
        Config() with
        {
            CertificateAuthorities = [given.Certificate],
            TlsServerName = "below.test",
        };

    /// <summary>Another certificate for each few requests.</summary>
    private sealed class Alternating(X509Certificate2Collection one, X509Certificate2Collection two) : ICredentialSource
    {
        private int _asked;

        public ValueTask<Credential> GetAsync(CancellationToken cancellationToken) =>
            ValueTask.FromResult(new Credential { Certificates = Interlocked.Increment(ref _asked) / 8 % 2 == 0 ? one : two });

        public bool Invalidate(Credential refused) => false;
    }
}
