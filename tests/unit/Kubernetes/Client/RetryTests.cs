using System.Net;
using System.Net.Sockets;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class RetryTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(
            _api,
            new KubernetesClientOptions
            {
                QueriesPerSecond = 0,
                MaxRetries = 3,
                MaxRetryDelay = TimeSpan.FromSeconds(5),
                AttemptTimeout = TimeSpan.FromSeconds(4),
            }
        );
        _api.Put(Collection, Json("a"));
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task TooManyRequests_WaitsAsAsked_ForAnyVerb()
    {
        _api.AddFault(
            new Fault
            {
                Status = 429,
                Reason = "TooManyRequests",
                RetryAfter = 1,
            }
        );
        var started = TimeProvider.System.GetTimestamp();
        await _client.CreateAsync(Kind, Make("b"));
        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromSeconds(0.95));
        _api.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task ServerErrorWithRetryAfter_IsTriedAgain_ForAnyVerb()
    {
        _api.AddFault(
            new Fault
            {
                Status = 503,
                Reason = "ServiceUnavailable",
                RetryAfter = 0,
                Times = 1,
            }
        );
        _api.AddFault(
            new Fault
            {
                Status = 500,
                RetryAfter = 1,
                Times = 1,
            }
        );
        await _client.GetAsync(Kind, "ns", "a");
        _api.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task RetryAfter_TooLong_FailsAtOnce()
    {
        _api.AddFault(
            new Fault
            {
                Status = 429,
                Reason = "TooManyRequests",
                RetryAfter = 60,
            }
        );
        var error = await Should.ThrowAsync<KubernetesException>(_client.GetAsync(Kind, "ns", "a"));
        error.RetryAfter.ShouldBe(TimeSpan.FromSeconds(60));
        _api.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task Gateway_Errors_ReadsAreTriedAgain_CreatesAreNot(int code)
    {
        _api.AddFault(
            new Fault
            {
                Status = code,
                Body = "upstream is away",
                Times = 2,
            }
        );
        await _client.GetAsync(Kind, "ns", "a");
        _api.Requests.Count.ShouldBe(3);
        _api.AddFault(new Fault { Status = code, Body = "upstream is away" });
        var error = await Should.ThrowAsync<KubernetesException>(_client.CreateAsync(Kind, Make("b")));
        error.Code.ShouldBe((HttpStatusCode)code);
        error.Status.Message.ShouldBe("upstream is away");
    }

    [Fact]
    public async Task InternalError_WithoutRetryAfter_IsNotTriedAgain()
    {
        _api.AddFault(new Fault { Status = 500 });
        (await Should.ThrowAsync<KubernetesException>(_client.GetAsync(Kind, "ns", "a"))).Reason.ShouldBe("InternalError");
        _api.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Retries_AreBounded()
    {
        _api.AddFault(new Fault { Status = 503, Times = int.MaxValue });
        await Should.ThrowAsync<KubernetesException>(_client.GetAsync(Kind, "ns", "a"));
        _api.Requests.Count.ShouldBe(4);
    }

    [Fact]
    public async Task BrokenConnection_ReadAndApply_AreTriedAgain()
    {
        _api.AddFault(new Fault { Abort = true, Times = 2 });
        await _client.GetAsync(Kind, "ns", "a");
        _api.AddFault(new Fault { AbortAfter = true });
        await _client.ApplyAsync(Kind, Make("b", "red"));
        (await _client.GetAsync(Kind, "ns", "b")).Spec!.Color.ShouldBe("red");
    }

    [Fact]
    public async Task BrokenConnection_Create_IsTheCallersToJudge()
    {
        _api.AddFault(new Fault { AbortAfter = true });
        await Should.ThrowAsync<HttpRequestException>(_client.CreateAsync(Kind, Make("b")));
        (await _client.FindAsync(Kind, "ns", "b")).ShouldNotBeNull();
        _api.Requests.Count(one => one.Method == "POST").ShouldBe(1);
    }

    [Fact]
    public async Task SlowServer_IsATimeout()
    {
        _api.AddFault(new Fault { Hang = true });
        var error = await Should.ThrowAsync<TimeoutException>(_client.GetAsync(Kind, "ns", "a"));
        error.Message.ShouldContain("get /apis/test.mooring.dev/v1/namespaces/ns/widgets/a");
    }

    [Fact]
    public async Task Cancelled_IsCancelled()
    {
        _api.AddFault(new Fault { Hang = true });
        using var cancel = new CancellationTokenSource(100);
        await Should.ThrowAsync<OperationCanceledException>(_client.GetAsync(Kind, "ns", "a", cancel.Token));
    }

    [Fact]
    public async Task NobodyThere_IsAnHttpRequestException()
    {
        await _api.DisposeAsync();
        await Should.ThrowAsync<HttpRequestException>(_client.GetAsync(Kind, "ns", "a"));
    }

    [Fact]
    public async Task AnswerTooLong_IsRefused()
    {
        using var small = Widgets.Client(_api, new KubernetesClientOptions { MaxResponseBytes = 20 });
        var error = await Should.ThrowAsync<HttpRequestException>(small.GetAsync(Kind, "ns", "a"));
        error.Message.ShouldContain("longer than 20 bytes");
    }

    [Fact]
    public async Task Unauthorized_RenewsTheCredentialOnce()
    {
        var credentials = new Sequence("old", "new", "newer");
        using var client = Widgets.Client(_api, credentials: credentials);
        _api.Authorize = header => header == "Bearer new";
        await client.GetAsync(Kind, "ns", "a");
        _api.Authorize = header => header == "Bearer never";
        (await Should.ThrowAsync<KubernetesException>(client.GetAsync(Kind, "ns", "a"))).Code.ShouldBe(HttpStatusCode.Unauthorized);
        credentials.Asked.ShouldBe(["old", "new", "new", "newer"]);
    }

    private sealed class Sequence(params string[] tokens) : ICredentialSource
    {
        private readonly Credential[] _credentials = [.. tokens.Select(token => new Credential { Token = token })];
        private int _at;

        public List<string> Asked { get; } = [];

        public ValueTask<Credential> GetAsync(CancellationToken cancellationToken)
        {
            Asked.Add(_credentials[_at].Token!);
            return ValueTask.FromResult(_credentials[_at]);
        }

        public bool Invalidate(Credential refused) => ++_at < _credentials.Length;
    }

    [Fact]
    public async Task ServerThatTakesConnectionsAndSaysNothing_NotEvenOfTls_IsATimeout()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(16);
        using var client = new KubernetesClient(
            new ClusterConfig { Server = new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}") },
            new KubernetesClientOptions
            {
                QueriesPerSecond = 0,
                MaxRetries = 0,
                // The handler gives up before the attempt's own time is over.
                ConfigureHandler = static handler => handler.ConnectTimeout = TimeSpan.FromMilliseconds(200),
            }
        );

        var error = await Should.ThrowAsync<TimeoutException>(client.GetAsync(Kind, "shop", "a"));

        error.Message.ShouldContain("get ");
    }
}
