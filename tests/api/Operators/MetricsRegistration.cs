using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>The APIService by which a cluster's autoscalers reach an operator on this machine.</summary>
internal static class MetricsRegistration
{
    private const string Registration = "v1beta1.external.metrics.k8s.io";

    /// <summary>As the chart does; the Service leads to this machine, where the operator is.</summary>
    public static async Task CreateAsync(OperatorRole role, Kubectl kubectl, int port)
    {
        var ns = role.Namespace;
        await kubectl.ApplyAsync(
            $$"""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: {{ns}}-authentication-reader, namespace: kube-system}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
            subjects: [{kind: User, name: {{role.User}}, apiGroup: rbac.authorization.k8s.io}]
            """,
            "kube-system"
        );
        await kubectl.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: mooring}
            spec: {type: ExternalName, externalName: localhost, ports: [{port: {{port}}}]}
            """,
            ns
        );
        await kubectl.TryAsync("delete", "apiservice", Registration, "--ignore-not-found");
        await kubectl.ApplyAsync(
            $$"""
            apiVersion: apiregistration.k8s.io/v1
            kind: APIService
            metadata: {name: {{Registration}}}
            spec:
              group: external.metrics.k8s.io
              version: v1beta1
              groupPriorityMinimum: 100
              versionPriority: 100
              service: {name: mooring, namespace: {{ns}}, port: {{port}}}
            """,
            ns
        );
    }

    /// <summary>Waits until the API server has found it.</summary>
    public static Task AvailableAsync(FleetFixture fleet) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var service = await fleet.Kubectl.GetAsync("apiservice", Registration);
                var available = service["status"]?["conditions"]?.AsArray().FirstOrDefault(one => (string?)one!["type"] == "Available");
                return (string?)available?["status"] == "True"
                    ? null
                    : $"{available?["message"]}\n{string.Join('\n', fleet.Operator.Log.Split('\n').Where(line => !line.Contains("dbug", StringComparison.Ordinal)))}";
            },
            TimeSpan.FromMinutes(3)
        );
}
