using System.CommandLine;
using System.CommandLine.Parsing;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;

namespace Mooring.Operator.Installation;

/// <summary><c>operator check</c> and <c>operator uninstall</c>: what the chart's hooks run.</summary>
public static class InstallationCommands
{
    private const int Failed = 1;

    private static readonly Option<string?> Kubeconfig = new("--kubeconfig")
    {
        Description = "Kubeconfig file. Default: KUBECONFIG, ~/.kube/config, the pod's own account",
    };

    private static readonly Option<string?> OwnNamespace = new("--operator-namespace")
    {
        Description = "Namespace of the operator. Default: POD_NAMESPACE, or that of the kubeconfig or the pod",
        DefaultValueFactory = static _ => Environment.GetEnvironmentVariable("POD_NAMESPACE") is { Length: > 0 } value ? value : null,
    };

    private static readonly Option<string> Service = new("--service")
    {
        Description = "Name of the operator's Service, to which the metrics API is registered",
        DefaultValueFactory = static _ => "mooring",
    };

    public static Command CreateCheck()
    {
        var http = new Option<Uri?>("--http")
        {
            Description = "The operator's own address, such as http://mooring-metrics:8080",
            HelpName = "URL",
            Required = true,
            CustomParser = ParseUrl,
        };
        var lease = new Option<string>("--lease") { Description = "Name of the Lease", DefaultValueFactory = static _ => "mooring" };
        var metricsApi = new Option<bool>("--metrics-api") { Description = "external.metrics.k8s.io must be served too" };
        var timeout = Time("--timeout", "How long everything may take to be well", "60s");
        var command = new Command("check", "Say whether an installed operator works. Exit code: 0 it does, 1 it does not")
        {
            Kubeconfig,
            OwnNamespace,
            Service,
            http,
            lease,
            metricsApi,
            timeout,
        };
        command.SetAction(
            (parsed, cancellation) =>
                WithClientAsync(
                    parsed,
                    (client, ns, output) =>
                        new ClusterCheck(client, TimeProvider.System, output)
                        {
                            Namespace = ns,
                            Http = parsed.GetValue(http)!,
                            Lease = parsed.GetValue(lease)!,
                            MetricsService = parsed.GetValue(metricsApi) ? parsed.GetValue(Service)! : null,
                        }.RunAsync(Duration.Parse(parsed.GetValue(timeout)!), cancellation)
                )
        );
        return command;
    }

    public static Command CreateUninstall()
    {
        var namespaces = new Option<string[]>("--namespace", "-n")
        {
            Description = "Take away fleets of this namespace only; may be given several times. Default: all",
        };
        var timeout = Time("--timeout", "How long the gateways may take to drain", "15m");
        var command = new Command(
            "uninstall",
            "Take away the registration of the metrics API and every fleet, and wait until gateways have drained and nodes are restored. "
                + "The operator has to run meanwhile. Exit code: 0 all gone, 1 not all"
        )
        {
            Kubeconfig,
            OwnNamespace,
            Service,
            namespaces,
            timeout,
        };
        command.SetAction(
            (parsed, cancellation) =>
                WithClientAsync(
                    parsed,
                    (client, ns, output) =>
                        new Uninstaller(client, TimeProvider.System, output)
                        {
                            Namespace = ns,
                            Service = parsed.GetValue(Service)!,
                            Namespaces = parsed.GetValue(namespaces) ?? [],
                        }.RunAsync(Duration.Parse(parsed.GetValue(timeout)!), cancellation)
                )
        );
        return command;
    }

    private static Uri? ParseUrl(ArgumentResult argument)
    {
        if (
            Uri.TryCreate(argument.Tokens[0].Value, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
        )
        {
            return url;
        }

        argument.AddError($"'{argument.Tokens[0].Value}' is not an http:// URL");
        return null;
    }

    private static Option<string> Time(string name, string description, string standard)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (!Duration.TryParse(result.GetValueOrDefault<string>(), out _))
            {
                result.AddError($"{name} must be a duration such as 10m");
            }
        });
        return option;
    }

    private static async Task<int> WithClientAsync(ParseResult parsed, Func<KubernetesClient, string, TextWriter, Task<bool>> work)
    {
        var console = parsed.InvocationConfiguration;
        try
        {
            var config = ClusterConfigLoader.Load(new ClusterConfigOptions { KubeConfigFile = parsed.GetValue(Kubeconfig) });
            using var client = new KubernetesClient(config, new KubernetesClientOptions { UserAgent = "mooring-operator" });
            return await work(client, parsed.GetValue(OwnNamespace) ?? config.Namespace, console.Output) ? 0 : Failed;
        }
        catch (Exception error)
            when (error is KubeConfigException or CredentialException or KubernetesException or HttpRequestException or TimeoutException)
        {
            await console.Error.WriteLineAsync($"operator {parsed.CommandResult.Command.Name}: {error.Message}");
            return Failed;
        }
    }
}
