using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Mooring.Api.Tests.Cluster;

/// <summary>A Kubernetes control plane without nodes: etcd, the API server and the controllers that matter here, on loopback.</summary>
/// <remarks>No kubelet and no scheduler: a stand-in plays their part where a test needs pods to become ready.</remarks>
internal sealed class TestCluster : IAsyncDisposable
{
    /// <summary>Name of the only Node, which exists in name alone.</summary>
    public const string Node = "stand-in";

    private static readonly TimeSpan StartDeadline = TimeSpan.FromMinutes(3);

    private readonly Authority _authority = new();
    private readonly int _etcdPort = Ports.Free();
    private readonly int _apiPort = Ports.Free();
    private readonly string _folder;
    private readonly HttpClient _admin;
    private readonly string? _featureGates;
    private ChildProcess? _etcd;
    private ChildProcess? _apiServer;
    private ChildProcess? _controllers;

    private TestCluster(string? featureGates)
    {
        _featureGates = featureGates;
        _folder = Directory.CreateTempSubdirectory("mooring-cluster-").FullName;
        if (Environment.GetEnvironmentVariable("MOORING_KEEP_CLUSTER") != "1")
        {
            Reaper.AddFolder(_folder);
        }

        Audit = new AuditLog(InFolder("audit.log"));
        AdminKubeconfig = WriteKubeconfig("admin", "system:masters");
        _admin = CreateClient("admin", "system:masters");
        Kubectl = new Kubectl(AdminKubeconfig);
    }

    public AuditLog Audit { get; }

    public Kubectl Kubectl { get; }

    public string AdminKubeconfig { get; }

    public Uri Server => new($"https://127.0.0.1:{_apiPort}");

    /// <summary>Requests as the cluster's admin; base address set.</summary>
    public HttpClient Admin => _admin;

    /// <param name="controllers">Without: whoever starts it plays their part.</param>
    /// <param name="featureGates">Such as <c>HPAConfigurableTolerance=false</c>, of the API server and the controllers; null: their own.</param>
    public static async Task<TestCluster> StartAsync(bool controllers = true, string? featureGates = null)
    {
        var cluster = new TestCluster(featureGates);
        try
        {
            await cluster.StartEverythingAsync(controllers);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Installs the fleet's definition, and waits until the API server serves it.</summary>
    public async Task InstallAsync()
    {
        // Ready, the API server may yet have no OpenAPI document to check the definition by.
        await Eventually.HoldsAsync(
            async () =>
            {
                await Kubectl.RunAsync("apply", "--server-side", "-f", RepositoryRoot.File("crds", "mooring.dev_connectionfleets.yaml"));
                await Kubectl.RunAsync("wait", "--for=condition=Established", "crd/connectionfleets.mooring.dev", "--timeout=180s");
                return true;
            },
            TimeSpan.FromMinutes(3),
            "no definition"
        );
    }

    /// <summary>A path in the cluster's own folder, which goes with it.</summary>
    public string InFolder(string name) => Path.Combine(_folder, name);

    /// <summary>Writes a kubeconfig for a user of its own and returns its path. Without groups the user may do what RBAC grants it.</summary>
    public string WriteKubeconfig(string user, params IEnumerable<string> groups)
    {
        var pair = _authority.Client(user, groups);
        return WriteKubeconfigWith(
            user.Replace(':', '-'),
            $"client-certificate-data: {Base64(pair.Certificate)}, client-key-data: {Base64(pair.Key)}"
        );
    }

    /// <summary>The same by way of another address, which shows a <see cref="ServerCertificate"/>.</summary>
    public string WriteKubeconfigVia(string user, Uri server) =>
        WriteKubeconfigWith($"{user.Replace(':', '-')}-{server.Port}", "token: the-proxy-knows", server);

    /// <summary>Of the cluster's authority, for a server on loopback that stands in for the API server.</summary>
    public PemPair ServerCertificate() => _authority.Server("localhost");

    /// <summary>Writes a kubeconfig for whom a token is of, and returns its path.</summary>
    public string WriteTokenKubeconfig(string name, string token) => WriteKubeconfigWith(name, $"token: {token}");

    private string WriteKubeconfigWith(string name, string credentials, Uri? server = null)
    {
        var file = InFolder($"{name}.kubeconfig");
        File.WriteAllText(
            file,
            $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            contexts:
            - name: test
              context:
                cluster: test
                user: test
            clusters:
            - name: test
              cluster:
                server: "{{(server ?? Server).ToString().TrimEnd('/')}}"
                certificate-authority-data: {{Base64(_authority.CertificatePem)}}
            users:
            - name: test
              user: { {{credentials}} }
            """
        );
        return file;
    }

    /// <summary>Stops the API server alone; etcd keeps everything.</summary>
    public async Task StopApiServerAsync()
    {
        if (_apiServer is not null)
        {
            _apiServer.Kill();
            await _apiServer.DisposeAsync();
            _apiServer = null;
        }
    }

    /// <summary>Starts the API server on the port it had before, and waits until it is ready.</summary>
    public async Task StartApiServerAsync()
    {
        _apiServer = Start(
            "kube-apiserver",
            [
                // As every installer sets it: the node tuner needs it.
                "--allow-privileged=true",
                $"--requestheader-client-ca-file={InFolder("front-proxy-ca.crt")}",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                $"--proxy-client-cert-file={InFolder("front-proxy-client.crt")}",
                $"--proxy-client-key-file={InFolder("front-proxy-client.key")}",
                $"--etcd-servers=http://127.0.0.1:{_etcdPort}",
                "--bind-address=127.0.0.1",
                $"--secure-port={_apiPort}",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--authorization-mode=RBAC",
                "--enable-priority-and-fairness=false",
                "--shutdown-delay-duration=0s",
                $"--client-ca-file={InFolder("ca.crt")}",
                $"--tls-cert-file={InFolder("server.crt")}",
                $"--tls-private-key-file={InFolder("server.key")}",
                "--service-account-issuer=https://kubernetes.default.svc",
                $"--service-account-key-file={InFolder("accounts.key")}",
                $"--service-account-signing-key-file={InFolder("accounts.key")}",
                $"--audit-policy-file={InFolder("audit.yaml")}",
                $"--audit-log-path={InFolder("audit.log")}",
                "--audit-log-maxsize=1000",
                "--audit-log-mode=blocking-strict",
                .. FeatureGates(),
            ]
        );
        await ReadyAsync(_apiServer, $"{Server}readyz", _admin);
    }

    /// <summary>Makes a namespace of its own for a test, with its default ServiceAccount, and returns its name.</summary>
    public async Task<string> CreateNamespaceAsync(string prefix)
    {
        var name = $"{prefix}-{RandomNumberGenerator.GetHexString(6, true)}";
        await Kubectl.RunAsync("create", "namespace", name);
        await Eventually.HoldsAsync(
            async () =>
                await Kubectl.TryAsync("get", "serviceaccount", "default", "-n", name) is { Succeeded: false } result
                    ? result.Errors
                    : null,
            TimeSpan.FromMinutes(3)
        );
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in new[] { _controllers, _apiServer, _etcd })
        {
            if (process is not null)
            {
                process.Kill();
                await process.DisposeAsync();
            }
        }

        _admin.Dispose();
        _authority.Dispose();
    }

    private async Task StartEverythingAsync(bool controllers)
    {
        WritePki();
        await File.WriteAllTextAsync(InFolder("audit.yaml"), AuditLog.Policy);
        var peerPort = Ports.Free();
        _etcd = Start(
            "etcd",
            [
                "--name=test",
                $"--data-dir={InFolder("etcd")}",
                "--unsafe-no-fsync",
                "--log-level=warn",
                $"--listen-client-urls=http://127.0.0.1:{_etcdPort}",
                $"--advertise-client-urls=http://127.0.0.1:{_etcdPort}",
                $"--listen-peer-urls=http://127.0.0.1:{peerPort}",
                $"--initial-advertise-peer-urls=http://127.0.0.1:{peerPort}",
                $"--initial-cluster=test=http://127.0.0.1:{peerPort}",
            ]
        );
        await StartApiServerAsync();
        if (controllers)
        {
            StartControllers();
        }

        await Kubectl.RunAsync(
            "create",
            "-f",
            await FileAsync("node.json", $$$"""{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "{{{Node}}}"}}""")
        );
        // A new Node is tainted as not ready, which no kubelet is there to take back; DaemonSets would pass it by.
        await Kubectl.RunAsync("patch", "node", Node, "--type=merge", "-p", """{"spec":{"taints":null}}""");
    }

    private async Task<string> FileAsync(string name, string text)
    {
        await File.WriteAllTextAsync(InFolder(name), text);
        return InFolder(name);
    }

    private void StartControllers() =>
        _controllers = Start(
            "kube-controller-manager",
            [
                $"--kubeconfig={WriteKubeconfig("system:kube-controller-manager", "system:masters")}",
                "--leader-elect=false",
                "--use-service-account-credentials=false",
                "--bind-address=127.0.0.1",
                $"--secure-port={Ports.Free()}",
                $"--service-account-private-key-file={InFolder("accounts.key")}",
                $"--root-ca-file={InFolder("ca.crt")}",
                "--controllers=garbage-collector-controller,job-controller,horizontal-pod-autoscaler-controller,deployment-controller,replicaset-controller,daemonset-controller,disruption-controller,"
                    + "endpointslice-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,namespace-controller",
                "--horizontal-pod-autoscaler-sync-period=1s",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                .. FeatureGates(),
            ]
        );

    private string[] FeatureGates() => _featureGates is null ? [] : [$"--feature-gates={_featureGates}"];

    private void WritePki()
    {
        File.WriteAllText(InFolder("ca.crt"), _authority.CertificatePem);
        var server = _authority.Server("localhost", "kubernetes.default.svc");
        File.WriteAllText(InFolder("server.crt"), server.Certificate);
        File.WriteAllText(InFolder("server.key"), server.Key);
        using var frontProxy = new Authority();
        File.WriteAllText(InFolder("front-proxy-ca.crt"), frontProxy.CertificatePem);
        var proxy = frontProxy.Client("front-proxy-client");
        File.WriteAllText(InFolder("front-proxy-client.crt"), proxy.Certificate);
        File.WriteAllText(InFolder("front-proxy-client.key"), proxy.Key);
        // Of the same authority, and none of the names that the API server says are its own.
        var other = frontProxy.Client("front-proxy-other");
        File.WriteAllText(InFolder("front-proxy-other.crt"), other.Certificate);
        File.WriteAllText(InFolder("front-proxy-other.key"), other.Key);
        using var accounts = RSA.Create(2048);
        File.WriteAllText(InFolder("accounts.key"), accounts.ExportRSAPrivateKeyPem());
    }

    private ChildProcess Start(string program, IEnumerable<string> arguments) =>
        ChildProcess.Start(ClusterAssets.Program(program), arguments, InFolder($"{program}.log"));

    private static Task ReadyAsync(ChildProcess process, string url, HttpClient client) =>
        Eventually.HoldsAsync(
            async () =>
            {
                if (process.HasExited)
                {
                    throw new HopelessException(
                        $"it ended with code {process.ExitCode}:\n{process.Log[^Math.Min(process.Log.Length, 4000)..]}"
                    );
                }

                using var answer = await client.GetAsync(url);
                return answer.IsSuccessStatusCode ? null : $"{url} says {(int)answer.StatusCode}";
            },
            StartDeadline
        );

    /// <summary>Requests as a user; base address set. Whoever asks for it disposes of it.</summary>
    public HttpClient CreateClient(string user, params IEnumerable<string> groups)
    {
        var pair = _authority.Client(user, groups);
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [X509Certificate2.CreateFromPem(pair.Certificate, pair.Key)],
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { _authority.Certificate },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        return new HttpClient(handler) { BaseAddress = Server };
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
