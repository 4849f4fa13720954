using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Remembers the answers to applies of one fleet's objects, for two things that the cache cannot tell. For one thread at a time.</summary>
/// <remarks>
/// That an apply's effect has not come by the watch yet, so that it is not applied again for nothing; and which fields the API server keeps
/// otherwise than they were written (normalised, or changed by an admission webhook), so that they are not taken for drift for ever.
/// Losing it, with a restart, costs one apply of the latter objects.
/// </remarks>
internal sealed class AppliedObjects
{
    private const int FreeCorrections = 5;
    private static readonly TimeSpan Peace = TimeSpan.FromMinutes(5);
    private readonly Dictionary<(string Kind, ObjectKey Key), Entry> _entries = new();
    private readonly Dictionary<(string Kind, ObjectKey Key), (int Count, DateTimeOffset Last)> _corrections = new();

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
        _entries[(kind, key)] = entry with
        {
            Answer = null,
        };
        return cached;
    }

    /// <summary>Whether the API server's answer to the last apply differed from it in just this way.</summary>
    public bool IsAccepted(string kind, ObjectKey key, string hash, string differences) =>
        _entries.TryGetValue((kind, key), out var entry) && entry.Hash == hash && entry.Differences == differences;

    /// <summary>Whether just this state of the object was compared before, and nothing differed that matters: to compare it again would tell no more.</summary>
    public bool IsAsApplied(string kind, ObjectKey key, string hash, IKubernetesObject live) =>
        live.Metadata is { Uid: { } uid, ResourceVersion: { } version }
        && _entries.TryGetValue((kind, key), out var entry)
        && entry.Hash == hash
        && entry.Good is { } good
        && good.Uid == uid
        && good.Version == version;

    /// <summary>The object was compared, and is as it was applied.</summary>
    public void NoteUnchanged(string kind, ObjectKey key, string hash, IKubernetesObject live) =>
        _entries[(kind, key)] =
            _entries.TryGetValue((kind, key), out var entry) && entry.Hash == hash
                ? entry with
                {
                    Good = State(live),
                }
                : new Entry(hash, null, null, "", State(live));

    /// <summary>Keeps the answer to an apply.</summary>
    /// <param name="before">The object as it was before; null when there was none.</param>
    /// <param name="differences">In what the answer differs from what was applied; empty: in nothing.</param>
    public void Note(string kind, ObjectKey key, string hash, IKubernetesObject? before, IKubernetesObject answer, string differences) =>
        _entries[(kind, key)] = new Entry(
            hash,
            before?.Metadata.ResourceVersion,
            before is null ? null : answer,
            differences,
            State(answer)
        );

    /// <summary>Keeps that an object was made, and how the API server's answer differs from what was applied; empty: in nothing.</summary>
    public void NoteMade(string kind, ObjectKey key, string hash, string? uid, string? version, string differences) =>
        _entries[(kind, key)] = new Entry(hash, null, null, differences, (uid, version));

    private static (string? Uid, string? Version) State(IKubernetesObject value) => (value.Metadata.Uid, value.Metadata.ResourceVersion);

    /// <summary>Whether somebody else keeps changing the object, so that putting it back once more has to wait.</summary>
    public bool IsContested(string kind, ObjectKey key, DateTimeOffset now) =>
        _corrections.TryGetValue((kind, key), out var past) && now >= past.Last && now < past.Last + Pause(past.Count);

    /// <summary>The object was put back as it had been applied.</summary>
    public void NoteCorrection(string kind, ObjectKey key, DateTimeOffset now) =>
        _corrections[(kind, key)] =
            _corrections.TryGetValue((kind, key), out var past) && now - past.Last <= Peace ? (past.Count + 1, now) : (1, now);

    public void Forget(string kind, ObjectKey key)
    {
        _entries.Remove((kind, key));
        _corrections.Remove((kind, key));
    }

    // 1 s after the fifth time, doubled with each that follows, a minute at most.
    private static TimeSpan Pause(int corrections) =>
        corrections < FreeCorrections
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, Math.Min(10, corrections - FreeCorrections))));

    /// <param name="Good">The state of the object that is as applied; null: none is known.</param>
    private sealed record Entry(
        string Hash,
        string? VersionBefore,
        IKubernetesObject? Answer,
        string Differences,
        (string? Uid, string? Version)? Good
    );
}
