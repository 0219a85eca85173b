local hs = {status = "Progressing", message = "waiting for the groups to be ready"}
local status = obj.status or {}
local wanted = obj.spec.replicas or 1
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Available" and condition.status == "True" then
    if (status.updatedReplicas or 0) == wanted and (status.readyReplicas or 0) == wanted then
      hs = {status = "Healthy", message = condition.message}
    end
  end
end
return hs
