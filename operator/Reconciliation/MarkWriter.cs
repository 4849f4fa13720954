using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Reconciliation;

/// <summary>Writes marks on gateways' pods, as annotations. Thread-safe for different fleets.</summary>
internal sealed class MarkWriter(KubernetesClient client, FleetCaches caches)
{
    /// <summary>Writes what is to change. A pod that is gone, or was replaced under its name, is passed over; so is one whose mark is another by now.</summary>
    /// <param name="ns">Namespace of the pods.</param>
    /// <param name="marks">What is to change.</param>
    /// <param name="written">Called for each that was written, before the next is tried.</param>
    /// <param name="cancellation">Ends it between two.</param>
    /// <returns>What the API server refuses: without its mark no gateway is told to go. One that fails or is overloaded is not asked about the next. And whether a pod had changed meanwhile, so that its mark is to be thought over.</returns>
    public async Task<(IReadOnlyList<ApplyProblem> Problems, bool Raced)> WriteAsync(
        string ns,
        IReadOnlyList<MarkChange> marks,
        Action<MarkChange> written,
        CancellationToken cancellation
    )
    {
        var problems = new List<ApplyProblem>();
        var raced = false;
        foreach (var mark in marks)
        {
            if (caches.Pods.Find(new ObjectKey(ns, mark.Gateway)) is not { } pod)
            {
                continue;
            }

            if (DrainAnnotations.Read(pod.Metadata.Annotations) != mark.Before)
            {
                // Another leader's write, which has come to the caches since this was thought of: with its version it would be written over.
                raced = true;
                continue;
            }

            try
            {
                await client.PatchAsync(
                    ClusterResources.Pods,
                    ns,
                    mark.Gateway,
                    Patch.Merge(JsonSerializer.SerializeToUtf8Bytes(Body(pod, mark), KubernetesNodeJson.Default.JsonObject)),
                    cancellationToken: cancellation
                );
                written(mark);
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                // Its event brings the fleet here again.
            }
            catch (KubernetesException error) when (error.IsConflict)
            {
                raced = true;
            }
            catch (KubernetesException error)
            {
                problems.Add(ApplyProblem.Of(ApplyReport.NameOf(pod), error));
                if (ApplyProblem.EndsPass(error))
                {
                    break;
                }
            }
            catch (TimeoutException error)
            {
                problems.Add(ApplyProblem.Of(ApplyReport.NameOf(pod), error));
                break;
            }
        }

        return (problems, raced);
    }

    // The version too: between two leaders, the one that has seen less must not write over the other's mark.
    private static JsonObject Body(Pod pod, MarkChange mark)
    {
        var annotations = new JsonObject();
        foreach (var (name, value) in DrainAnnotations.Write(mark.After))
        {
            annotations[name] = value;
        }

        return new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = pod.Metadata.Uid,
                ["resourceVersion"] = pod.Metadata.ResourceVersion,
                ["annotations"] = annotations,
            },
        };
    }
}
