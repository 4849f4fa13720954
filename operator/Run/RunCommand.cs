using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;

namespace Mooring.Operator.Run;

/// <summary><c>operator run</c>: the operator in, or beside, a cluster.</summary>
public static class RunCommand
{
    public static Command Create()
    {
        var kubeconfig = new Option<string?>("--kubeconfig")
        {
            Description = "Kubeconfig file. Default: KUBECONFIG, ~/.kube/config, the pod's own account",
        };
        var context = new Option<string?>("--context") { Description = "Context of the kubeconfig" };
        var namespaces = new Option<string[]>("--namespace", "-n")
        {
            Description = "Reconcile fleets of this namespace only; may be given several times. Default: all",
        };
        var own = new Option<string?>("--operator-namespace")
        {
            Description =
                "Namespace of the Lease, the certificates and the operator's pod. Default: POD_NAMESPACE, or that of the kubeconfig or the pod",
            DefaultValueFactory = _ => FromEnvironment("POD_NAMESPACE"),
        };
        var pod = new Option<string?>("--pod-name")
        {
            Description = "The operator's own pod, which bears the leader's label. Default: POD_NAME",
            DefaultValueFactory = _ => FromEnvironment("POD_NAME"),
        };
        var http = Address("--http", "Where /healthz and /readyz are served", "0.0.0.0:8080");
        var admin = Address(
            "--admin",
            "Where the admin API, the page and /metrics are served (TLS), to those with the right",
            "0.0.0.0:9443"
        );
        var noAdmin = new Option<bool>("--no-admin") { Description = "Serve no admin API" };
        var openMetrics = new Option<bool>("--open-metrics") { Description = "Serve /metrics to everybody, beside /healthz too" };
        var stream = Address("--stream", "Where the gateways' stream is served (TLS)", "0.0.0.0:8443");
        var noStream = new Option<bool>("--no-stream") { Description = "Serve no stream: gateways live on their ConfigMap alone" };
        var service = new Option<string>("--stream-service")
        {
            Description = "Service before the stream, which gateways dial",
            DefaultValueFactory = _ => "mooring-stream",
        };
        var url = new Option<Uri?>("--stream-url")
        {
            Description = "What gateways dial instead, such as wss://operator.example:8443/stream/v1",
            HelpName = "URL",
            CustomParser = static argument => ParseUrl(argument, "wss://", Uri.UriSchemeWss),
        };
        var metricsApi = new Option<IPEndPoint?>("--metrics-api")
        {
            Description =
                "Where external.metrics.k8s.io is served (TLS), such as 0.0.0.0:6443, for fleets that a HorizontalPodAutoscaler scales. Default: nowhere",
            HelpName = "ADDRESS:PORT",
            CustomParser = ParseAddress,
        };
        var image = new Option<string>("--gateway-image")
        {
            Description = "Image of gateways whose fleet names none. Default: GATEWAY_IMAGE, or mooring/gateway:dev",
            DefaultValueFactory = _ => FromEnvironment("GATEWAY_IMAGE") ?? "mooring/gateway:dev",
        };
        var elect = new Option<bool>("--leader-elect")
        {
            Description = "Work only while holding the Lease, and exit when it is lost",
            DefaultValueFactory = _ => true,
        };
        var lease = new Option<string>("--lease") { Description = "Name of the Lease", DefaultValueFactory = _ => "mooring-operator" };
        var workers = Number("--workers", "Fleets in work at once", 4, 1, 64);
        var qps = Number("--qps", "Requests a second to the API server in the long run", 400, 1, 10_000);
        var otlp = new Option<Uri?>("--otlp-endpoint")
        {
            Description =
                "Collector of traces of the reconciles, by OTLP, such as http://collector:4318. Default: OTEL_EXPORTER_OTLP_ENDPOINT, else nowhere",
            HelpName = "URL",
            CustomParser = static argument => ParseUrl(argument, "http:// or https://", Uri.UriSchemeHttp, Uri.UriSchemeHttps),
        };
        var ratio = new Option<double>("--trace-ratio")
        {
            Description = "Share of the reconciles that are traced, 0 to 1",
            DefaultValueFactory = _ => 1,
        };
        ratio.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0 and <= 1))
            {
                result.AddError($"--trace-ratio must be 0 to 1, not {result.GetValueOrDefault<double>()}");
            }
        });
        var level = new Option<LogLevel>("--log-level")
        {
            Description = "Least level that is logged",
            DefaultValueFactory = _ => LogLevel.Information,
        };
        var json = new Option<bool>("--log-json") { Description = "Log as JSON, one object a line" };

        var command = new Command("run", "Reconcile the ConnectionFleets of a cluster. Exit code: 0 stopped, 1 failed, 3 leadership lost")
        {
            kubeconfig,
            context,
            namespaces,
            own,
            pod,
            http,
            admin,
            noAdmin,
            openMetrics,
            stream,
            noStream,
            service,
            url,
            metricsApi,
            image,
            elect,
            lease,
            workers,
            qps,
            otlp,
            ratio,
            level,
            json,
        };
        command.SetAction(
            (parsed, cancellation) =>
                ClusterOperator.RunAsync(
                    new RunOptions
                    {
                        Kubeconfig = parsed.GetValue(kubeconfig),
                        Context = parsed.GetValue(context),
                        Namespaces = parsed.GetValue(namespaces) ?? [],
                        OwnNamespace = parsed.GetValue(own),
                        PodName = parsed.GetValue(pod),
                        Http = parsed.GetValue(http)!,
                        Admin = parsed.GetValue(noAdmin) ? null : parsed.GetValue(admin),
                        OpenMetrics = parsed.GetValue(openMetrics),
                        Stream = parsed.GetValue(noStream) ? null : parsed.GetValue(stream),
                        StreamService = parsed.GetValue(service)!,
                        StreamUrl = parsed.GetValue(url),
                        MetricsApi = parsed.GetValue(metricsApi),
                        GatewayImage = parsed.GetValue(image)!,
                        LeaderElect = parsed.GetValue(elect),
                        LeaseName = parsed.GetValue(lease)!,
                        Workers = parsed.GetValue(workers),
                        QueriesPerSecond = parsed.GetValue(qps),
                        OtlpEndpoint = parsed.GetValue(otlp),
                        TraceRatio = parsed.GetValue(ratio),
                        LogLevel = parsed.GetValue(level),
                        LogJson = parsed.GetValue(json),
                    },
                    cancellation
                )
        );
        return command;
    }

    private static Option<IPEndPoint> Address(string name, string description, string standard) =>
        new(name)
        {
            Description = description,
            HelpName = "ADDRESS:PORT",
            DefaultValueFactory = _ => IPEndPoint.Parse(standard),
            CustomParser = ParseAddress,
        };

    private static IPEndPoint? ParseAddress(ArgumentResult argument)
    {
        if (IPEndPoint.TryParse(argument.Tokens[0].Value, out var address))
        {
            return address;
        }

        argument.AddError($"'{argument.Tokens[0].Value}' is not ADDRESS:PORT, such as 0.0.0.0:8080");
        return null;
    }

    private static Uri? ParseUrl(ArgumentResult argument, string form, params IReadOnlyList<string> schemes)
    {
        if (Uri.TryCreate(argument.Tokens[0].Value, UriKind.Absolute, out var url) && schemes.Contains(url.Scheme))
        {
            return url;
        }

        argument.AddError($"'{argument.Tokens[0].Value}' is not a {form} URL");
        return null;
    }

    private static Option<int> Number(string name, string description, int standard, int least, int most)
    {
        var option = new Option<int>(name) { Description = $"{description}, {least} to {most}", DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var value && (value < least || value > most))
            {
                result.AddError($"{name} must be {least} to {most}, not {value}");
            }
        });
        return option;
    }

    private static string? FromEnvironment(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
