using System.Collections.Concurrent;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Remembers the answers to applies, for two things that the cache cannot tell. Thread-safe.</summary>
/// <remarks>
/// That an apply's effect has not come by the watch yet, so that it is not applied again for nothing; and which fields the API server keeps
/// otherwise than they were written (normalised, or changed by an admission webhook), so that they are not taken for drift for ever.
/// Losing it, with a restart, costs one apply of the latter objects.
/// </remarks>
internal sealed class AppliedObjects
{
    private readonly ConcurrentDictionary<(string Kind, ObjectKey Key), Entry> _entries = new();

    /// <summary>The object as the API server answered, while the cache still shows what was there before; else the cached one.</summary>
    public IKubernetesObject Newest(string kind, ObjectKey key, IKubernetesObject cached)
    {
        if (!_entries.TryGetValue((kind, key), out var entry) || entry.Answer is not { } answer)
        {
            return cached;
        }

        if (cached.Metadata.ResourceVersion == entry.VersionBefore)
        {
            return answer;
        }

        // The watch has caught up: the answer need not be kept in memory.
        _entries.TryUpdate((kind, key), entry with { Answer = null }, entry);
        return cached;
    }

    /// <summary>Whether the API server's answer to the last apply differed from it in just this way.</summary>
    public bool IsAccepted(string kind, ObjectKey key, string hash, string differences) =>
        _entries.TryGetValue((kind, key), out var entry) && entry.Hash == hash && entry.Differences == differences;

    /// <summary>Keeps the answer to an apply.</summary>
    /// <param name="before">The object as it was before; null when there was none.</param>
    /// <param name="differences">In what the answer differs from what was applied; empty: in nothing.</param>
    public void Note(string kind, ObjectKey key, string hash, IKubernetesObject? before, IKubernetesObject answer, string differences) =>
        _entries[(kind, key)] = new Entry(hash, before?.Metadata.ResourceVersion, before is null ? null : answer, differences);

    public void Forget(string kind, ObjectKey key) => _entries.TryRemove((kind, key), out _);

    private sealed record Entry(string Hash, string? VersionBefore, IKubernetesObject? Answer, string Differences);
}
