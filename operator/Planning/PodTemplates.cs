using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>What the pods of gateways and of backends have in common: placement, rights and resources.</summary>
internal static class PodTemplates
{
    // Over nodes first, then over zones.
    private static readonly string[] SpreadKeys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

    /// <summary>Puts what the user wrote about pods into a template; the fleet's own labels win.</summary>
    /// <param name="template">The template, with its labels.</param>
    /// <param name="user">What the user wrote.</param>
    /// <param name="match">Labels of the pods that are to be spread.</param>
    public static PodTemplateSpec Place(PodTemplateSpec template, PodTemplate? user, Dictionary<string, string> match)
    {
        var labels = new Dictionary<string, string>(user?.Labels ?? new Dictionary<string, string>());
        foreach (var (name, value) in template.Metadata?.Labels ?? [])
        {
            labels[name] = value;
        }

        template.Metadata = new ObjectMeta
        {
            Labels = ObjectMetadata.Ordered(labels),
            Annotations = user?.Annotations is { Count: > 0 } annotations ? ObjectMetadata.Ordered(annotations) : null,
        };
        var spec = template.Spec!;
        spec.NodeSelector = user?.NodeSelector is { Count: > 0 } selector ? ObjectMetadata.Ordered(selector) : null;
        spec.Tolerations = user is { Tolerations.Count: > 0 } ? user.Tolerations.Select(Toleration).ToList() : null;
        spec.Affinity = (JsonObject?)user?.Affinity?.DeepClone();
        spec.TopologySpreadConstraints = Spread(user?.TopologySpreadConstraints, match);
        spec.PriorityClassName = user?.PriorityClassName;
        spec.RuntimeClassName = user?.RuntimeClassName;
        spec.SchedulerName = user?.SchedulerName;
        spec.DnsPolicy = user?.DnsPolicy;
        spec.DnsConfig = (JsonObject?)user?.DnsConfig?.DeepClone();
        if (spec.SecurityContext is { } rights)
        {
            (rights.RunAsUser, rights.RunAsGroup, rights.FsGroup) = (user?.RunAsUser, user?.RunAsGroup, user?.FsGroup);
        }

        spec.Containers!.ForEach(container => container.ImagePullPolicy = user?.ImagePullPolicy);
        spec.ImagePullSecrets = user is { ImagePullSecrets.Count: > 0 }
            ? user.ImagePullSecrets.Select(secret => new LocalObjectReference { Name = secret.Name }).ToList()
            : null;
        return template;
    }

    /// <summary>
    /// Puts a pod on the nodes where gateways may go, and gives it nothing else that is meant for those: with their labels a Service or an anti-affinity would
    /// take it for one of them, and with their anti-affinity it would stay off the nodes that they are on.
    /// </summary>
    public static PodTemplateSpec PlaceBeside(PodTemplateSpec template, PodTemplate? gateways)
    {
        var nodes = gateways?.Affinity?["nodeAffinity"]?.DeepClone();
        Place(
            template,
            gateways is null
                ? null
                : gateways with
                {
                    Labels = null,
                    Annotations = null,
                    Affinity = nodes is null ? null : new JsonObject { ["nodeAffinity"] = nodes },
                },
            []
        );
        template.Spec!.TopologySpreadConstraints = null;
        return template;
    }

    /// <summary>Rights of a pod by its Pod Security Standard.</summary>
    public static PodSecurityContext PodRights(bool restricted) =>
        new()
        {
            RunAsNonRoot = restricted ? true : null,
            SeccompProfile = new SeccompProfile { Type = "RuntimeDefault" },
        };

    /// <summary>Rights of a container by its Pod Security Standard.</summary>
    public static ContainerSecurityContext ContainerRights(bool restricted, bool readOnly) =>
        new()
        {
            AllowPrivilegeEscalation = restricted ? false : null,
            Capabilities = restricted ? new Capabilities { Drop = ["ALL"] } : null,
            ReadOnlyRootFilesystem = readOnly ? true : null,
        };

    /// <summary>Kernel settings of a pod; null for none, as the API server leaves it.</summary>
    public static List<Sysctl>? Sysctls(IReadOnlyList<KeyValuePair<string, string>> sysctls) =>
        sysctls.Count == 0 ? null : sysctls.Select(pair => new Sysctl { Name = pair.Key, Value = pair.Value }).ToList();

    public static ResourceRequirements? Resources(ResourcesSpec? spec)
    {
        var limits = Amounts(spec?.Limits);
        var requests = Amounts(spec?.Requests);
        return limits is null && requests is null ? null : new ResourceRequirements { Limits = limits, Requests = requests };
    }

    private static Dictionary<string, string>? Amounts(IReadOnlyDictionary<string, IntOrString>? amounts) =>
        amounts is null or { Count: 0 }
            ? null
            : ObjectMetadata.Ordered(
                amounts.Select(amount => KeyValuePair.Create(amount.Key, Quantity.Canonicalize(amount.Value.ToString())))
            );

    private static List<TopologySpreadConstraint> Spread(IReadOnlyList<SpreadSpec>? user, Dictionary<string, string> match)
    {
        var constraints = user ?? SpreadKeys.Select(key => new SpreadSpec { TopologyKey = key }).ToList();
        return constraints
            .Select(constraint => new TopologySpreadConstraint
            {
                MaxSkew = constraint.MaxSkew,
                TopologyKey = constraint.TopologyKey,
                WhenUnsatisfiable = constraint.WhenUnsatisfiable,
                LabelSelector = new LabelSelector { MatchLabels = match },
            })
            .ToList();
    }

    private static Toleration Toleration(TolerationSpec spec) =>
        new()
        {
            Key = spec.Key,
            Operator = spec.Operator,
            Value = spec.Value,
            Effect = spec.Effect,
            TolerationSeconds = spec.TolerationSeconds,
        };
}
