using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Makes what the caches hold small: a thousand fleets are some twenty thousand objects. Thread-safe.</summary>
/// <remarks>Only what nothing here reads is dropped; equal labels and annotations become one. Texts are one as they are read (<see cref="SharedTextConverter"/>).</remarks>
internal static class CacheDiet
{
    // Direct-mapped, so bounded: of two maps that meet in a place, the later stays.
    private const int Places = 1 << 13;
    private const int Longest = 96;
    private static readonly Dictionary<string, string>?[] Maps = new Dictionary<string, string>?[Places];

    /// <summary>For every kind.</summary>
    public static void Trim(IKubernetesObject value)
    {
        var metadata = value.Metadata;
        // kubectl's copy of a whole manifest, which nothing here reads.
        metadata.Annotations?.Remove("kubectl.kubernetes.io/last-applied-configuration");
        metadata.Labels = SharedMap(metadata.Labels);
        metadata.Annotations = SharedMap(metadata.Annotations);
    }

    /// <summary>For pods: what is in those of a Deployment was the Deployment's to say, and is the greater part of them.</summary>
    public static void TrimPod(Pod pod)
    {
        Trim(pod);
        if (!FleetOwner.IsOwned(pod))
        {
            pod.Spec = pod.Spec is { } spec ? new PodSpec { NodeName = spec.NodeName } : null;
        }
    }

    public static void TrimDeployment(Deployment value)
    {
        Trim(value);
        Trim(value.Spec?.Selector);
        if (value.Spec?.Template?.Metadata is { } metadata)
        {
            metadata.Labels = SharedMap(metadata.Labels);
        }
    }

    public static void TrimService(Service value)
    {
        Trim(value);
        if (value.Spec is { } spec)
        {
            spec.Selector = SharedMap(spec.Selector);
        }
    }

    public static void TrimPolicy(NetworkPolicy value)
    {
        Trim(value);
        Trim(value.Spec?.PodSelector);
    }

    private static void Trim(LabelSelector? selector)
    {
        if (selector is not null)
        {
            selector.MatchLabels = SharedMap(selector.MatchLabels);
        }
    }

    /// <summary>The same map, and where one like it was met lately the same object: labels of a fleet's objects are often the same. Nobody changes what is in a cache.</summary>
    internal static Dictionary<string, string>? SharedMap(Dictionary<string, string>? texts)
    {
        if (texts is null or { Count: 0 })
        {
            return null;
        }

        var hash = 0;
        foreach (var (name, text) in texts)
        {
            if (text.Length > Longest)
            {
                return new Dictionary<string, string>(texts);
            }

            // In whatever order they stand.
            hash += HashCode.Combine(name.GetHashCode(StringComparison.Ordinal), text.GetHashCode(StringComparison.Ordinal));
        }

        ref var place = ref Maps[(uint)hash % Places];
        if (place is { } known && IsSame(known, texts))
        {
            return known;
        }

        return place = new Dictionary<string, string>(texts);
    }

    private static bool IsSame(Dictionary<string, string> one, Dictionary<string, string> other)
    {
        if (one.Count != other.Count)
        {
            return false;
        }

        foreach (var (name, text) in one)
        {
            if (!other.TryGetValue(name, out var found) || found != text)
            {
                return false;
            }
        }

        return true;
    }
}
